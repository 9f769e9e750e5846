"""Names of the files in run and result folders."""

WEIGHTS = "weights.safetensors"
CURVE = "curve.csv"
RECORD = "record.json"
PER_IMAGE_FILE = "per_image.csv"
IMAGES_FOLDER = "images"
SENSITIVITY = "sensitivity.json"
