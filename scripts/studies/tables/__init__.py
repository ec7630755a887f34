# SPDX-License-Identifier: MIT
"""Every table that a folder of results gives, in the order of the study."""
from studies.tables import claims, compensation, drift, missing, sweep, thresholds, zones

sections = {"compensation": compensation, "zones": zones, "thresholds": thresholds, "drift": drift, "sweep": sweep}


def all_tables(results):
    """Tables by section; those that span the study under "claims" and "missing"."""
    modules = {"claims": claims, **sections, "missing": missing}
    return {name: list(module.tables(results)) for name, module in modules.items()}
