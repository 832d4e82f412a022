"""Queues: who waits, and VIPs to the front."""

from pbxd.services.queues.vip_queues import VipQueues as VipQueues
