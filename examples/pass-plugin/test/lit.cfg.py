"""lit configuration of the plugin's tests, which `check-FoldScale` runs.

lnsc_add_plugin_tests passes what a configuration cannot know by itself: the
plugin, where results go, and where tools are.
"""

import os

import lit.formats

# lit runs this file with `config` and `lit_config` in scope.
config.name = "FoldScale"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = lit_config.params["exec_root"]
config.environment["PATH"] = os.pathsep.join(
    [lit_config.params["tools"], lit_config.params["llvm_tools"], os.environ.get("PATH", "")]
)
config.substitutions.append(("%plugin", lit_config.params["plugin"]))
