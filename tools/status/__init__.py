"""`cqc status`: what goes in and out, what waits, what fails, on one screen."""
