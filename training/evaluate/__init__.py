"""How good a router is: measures, estimates from logs, the gate, and pictures of them."""
