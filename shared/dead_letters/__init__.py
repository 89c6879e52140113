"""What becomes of a rejected message: its record, its publisher, and the brake on too many of them."""
