"""How Ray and Redis are started on a host, each by a program that becomes it."""
