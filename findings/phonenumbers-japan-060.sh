#!/usr/bin/env bash
# phonenumbers (PyPI, the metadata of libphonenumber): Japan opened 060 for mobile telephones. Up to 9.0.31 every 060 number is "not valid, type
# unknown", from 9.0.32 on it is mobile; nothing else tells the two apart, so a service with a lock file of last year turns customers away. And a
# number is only as mobile as it is long: 0800 with seven digits behind it is a free-phone number, 080 with eight a mobile one.
# Seen: the lines in "expected" below.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
cat > ask.py <<'PY'
import phonenumbers
from phonenumbers import PhoneNumberType
names = {value: name for name, value in vars(PhoneNumberType).items() if isinstance(value, int)}
def told(text):
    number = phonenumbers.parse(text, "JP")
    return f"{text} {phonenumbers.is_valid_number(number)} {names[phonenumbers.number_type(number)]}"
print(phonenumbers.__version__, "; ".join(map(told, ["06012345678", "08012345678", "08001234567"])))
PY
for version in 9.0.31 9.0.32; do
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$version" "phonenumbers==$version"
  PYTHONPATH="$version" python3 ask.py
done > seen
cat seen
expected='9.0.31 06012345678 False UNKNOWN; 08012345678 True MOBILE; 08001234567 True TOLL_FREE
9.0.32 06012345678 True MOBILE; 08012345678 True MOBILE; 08001234567 True TOLL_FREE'
[ "$(cat seen)" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
