"""What the control API can be asked, as OpenAPI 3.1 (`/api/openapi.json`) and as a page to read (`/api/docs`)."""
