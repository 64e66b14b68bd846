"""What reaches the controller: alerts by webhook and API, their heartbeat, the inbox that keeps them."""
