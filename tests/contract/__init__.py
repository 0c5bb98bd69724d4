"""What must agree: roles and playbooks, specs and documents, the package and its contents."""
