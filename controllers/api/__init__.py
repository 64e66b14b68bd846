"""The API under `/api/v1/`: what people and their programs ask of the controller."""
