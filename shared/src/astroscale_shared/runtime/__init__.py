"""What every process needs: settings, logging, metrics, health, errors, shutdown."""
