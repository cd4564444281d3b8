"""Sets of images as files, with a receipt that says what is in them and whom to cite."""
