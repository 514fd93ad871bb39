"""Images built here: what to build (`plan`), from which files (`context`), how (`build`, `debootstrap`)."""
