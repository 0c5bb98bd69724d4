"""Have so many CPUs kept up, until another job asks for others: floor.py CPUS."""

import sys

import ray
from ray.autoscaler.sdk import request_resources

ray.init(log_to_driver=False)
request_resources(num_cpus=int(sys.argv[1]))
