"""Fix and send again: dead letters, an edit, the current code's verdict, and the mark that it was done."""
