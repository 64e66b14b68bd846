"""A site of simulated devices on their real wire protocols, with physics."""
