"""Click-to-call: what would be dialled and whether it may be, and how an attempt goes on. Pure."""

from pbxd.dialing.attempt import Attempt as Attempt
from pbxd.dialing.attempt import Progress as Progress
from pbxd.dialing.attempt import Reason as Reason
from pbxd.dialing.attempt import State as State
from pbxd.dialing.plan import Dialler as Dialler
from pbxd.dialing.plan import DialPlan as DialPlan
from pbxd.dialing.plan import DialTarget as DialTarget
from pbxd.dialing.plan import target_of as target_of
