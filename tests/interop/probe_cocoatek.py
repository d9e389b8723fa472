"""Follows a list of bundles over HTTP with probeCOCOATek, a tool that was written to look into the bundles of Japan's app.

Argument: the URL of a `list.json` as that app has it: an array of objects with `url` and `created` (milliseconds). Prints a JSON array with, for each
bundle, what the tool says of its header and keys, and the revised keys that its own reading of the format finds.
"""

import json
import sys
import tempfile

from probeCOCOATek.probeCOCOATek import probeCOCOATek

with tempfile.TemporaryDirectory() as cache:
    probe = probeCOCOATek(sys.argv[1], cache)
    # It spares a server that is not ours a request a second.
    probe.interval_sec_in_japan = 0
    found = []
    for listed in probe.get_zip_list():
        bundle = probe.get_tek_content(listed["url"])
        told = json.loads(probe.tek_toJson(bundle))
        assert [key["key_data"] for key in told["keys"]] == listed["keys"]["key_data"]
        told["url"] = listed["url"]
        told["revised_keys"] = [
            {
                "key_data": key.key_data.hex(),
                "transmission_risk_level": key.transmission_risk_level,
                "rolling_start_interval_number": key.rolling_start_interval_number,
                "rolling_period": key.rolling_period,
                "report_type": key.report_type,
                "days_since_onset_of_symptoms": key.days_since_onset_of_symptoms,
            }
            for key in bundle.revised_keys
        ]
        found.append(told)
json.dump(found, sys.stdout)
