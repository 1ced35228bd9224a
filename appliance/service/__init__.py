"""What every process of the box needs: errors, deadly tasks, logging, service notification."""
