"""What the services of the Cariflex EMS share. Each module stands alone: a service installs what it uses."""
