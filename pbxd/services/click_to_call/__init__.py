"""Click-to-call: who may call whom how often, and how each call goes on."""

from pbxd.services.click_to_call.click_to_call import ClickToCall as ClickToCall
from pbxd.services.click_to_call.click_to_call import MadeCall as MadeCall
from pbxd.services.click_to_call.click_to_call import new_id as new_id
from pbxd.services.click_to_call.targets import CallAsked as CallAsked
from pbxd.services.click_to_call.targets import find_target as find_target
