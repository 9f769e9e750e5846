"""From a folder of images to what is in it and what is wrong with it, before anything is built."""
