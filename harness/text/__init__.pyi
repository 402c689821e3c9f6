from harness.text import notation as notation
from harness.text import published as published
from harness.text import reply as reply
from harness.text import strict as strict
from harness.text.notation import from_any as from_any
from harness.text.notation import write as write
from harness.text.published import Reading as Reading
