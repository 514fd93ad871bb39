"""Container images built here: what to build (`plan`), from which files (`context`) and how (`build`, `debootstrap`)."""
