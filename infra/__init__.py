"""What runs the platform: the AWS stacks, and the laptop that stands in for AWS."""
