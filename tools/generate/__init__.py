"""Files that are generated from the code: schemas, feature groups, packages."""
