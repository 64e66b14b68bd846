"""Who asks for which state of which device, until when, and what all of it together demands."""
