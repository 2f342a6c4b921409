/** Catalogs the owner added: which there are, and where. What was fetched of them is not lost with the device, only fetched again. */
export const listedCatalogSchema = `
-- A catalog's id follows from its key.
CREATE TABLE listed_catalog (
  public_key BLOB NOT NULL PRIMARY KEY CHECK (length(public_key) = 32),
  -- Of the folder with its files.
  address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;
