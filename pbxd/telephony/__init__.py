"""Click-to-call: what would be dialled and whether it may be, and how an attempt goes on. Pure."""

from pbxd.telephony.attempt import Attempt as Attempt
from pbxd.telephony.attempt import Progress as Progress
from pbxd.telephony.attempt import Reason as Reason
from pbxd.telephony.attempt import State as State
from pbxd.telephony.plan import Dialler as Dialler
from pbxd.telephony.plan import DialPlan as DialPlan
from pbxd.telephony.plan import DialTarget as DialTarget
from pbxd.telephony.plan import DialTemplates as DialTemplates
from pbxd.telephony.plan import target_of as target_of
