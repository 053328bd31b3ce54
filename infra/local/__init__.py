"""The laptop: AWS endpoint, Glue job runner, Redshift endpoint, deploy of the CDK template."""
