"""Entry point for gunicorn: `wsgi:application`, the name that the official image uses."""

from flexmeasures.app import create

application = create()
