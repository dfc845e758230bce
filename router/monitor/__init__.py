"""Watching over the model that serves: calibration, drift, a challenger in shadow, the way back."""
