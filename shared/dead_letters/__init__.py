"""What happens to rejected messages: the record, its publisher, and the brake on too many of them."""
