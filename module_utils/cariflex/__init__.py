"""Python logic shared by the modules in library/."""
