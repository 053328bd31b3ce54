"""The laptop's Glue: runs jobs for real behind `AWS_ENDPOINT_URL_GLUE`, passes the rest on."""
