"""The page at `/`: what a person sees of the gateway, in a browser."""
