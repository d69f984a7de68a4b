"""lit configuration of the GoogleTest programs: each case counts as one test."""

import os

import lit.formats

config.name = "lns-unit"
config.suffixes = []
config.test_source_root = config.lns_unit_dir
config.test_exec_root = config.lns_unit_dir
config.test_format = lit.formats.GoogleTest("bin", "Tests")
for variable in ("HOME", "LD_LIBRARY_PATH", "CUDA_PATH"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

if lit_config.maxIndividualTestTime == 0:
    if lit.util.killProcessAndChildrenIsSupported()[0]:
        # A shard is a processor's share of a program's cases. Those that compile
        # kernels for the emulated device for the first time take ten minutes on
        # slow processors.
        lit_config.maxIndividualTestTime = 1200
