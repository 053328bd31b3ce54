"""Serve it: python -m infra.local.aws_endpoint."""

from ministack.app import main

from infra.local.aws_endpoint import athena, generated_secrets

athena.go_by_registered_partitions()
generated_secrets.hold_each_type_of_character()
main()
