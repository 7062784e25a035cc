"""What is made of finished results: pages, tables, and the files that other systems read."""
