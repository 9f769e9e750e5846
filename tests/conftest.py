"""Being here, this file puts the folder on the import path, and with it `factories`."""
