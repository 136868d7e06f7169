// SPDX-License-Identifier: GPL-2.0-only
/* What switch_enum.sh must find: a frontend of before the patch series. */
#include <xen/xenbus.h>

void control(struct xenbus_device *dev, enum xenbus_state state);
void control(struct xenbus_device *dev, enum xenbus_state state)
{
	switch (state) {
	case XenbusStateUnknown:
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
	case XenbusStateConnected:
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		xenbus_frontend_closed(dev);
		break;
	}
}
