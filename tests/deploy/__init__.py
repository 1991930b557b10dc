"""What ships, tried on a container engine: image, compose files, servers in containers (`make test-deploy`)."""
