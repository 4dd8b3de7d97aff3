"""Region-aware routing and failover for Vertex AI that keeps data residency."""
