"""The controller: keeps devices in the state that firing alerts and people ask for."""
