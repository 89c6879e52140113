"""Files that are generated from the code: schemas, feature groups, pages of the docs, packages."""
