"""What the privacy filter finds: values drawn anew, in sentences of twenty languages."""
