# cubby is served by the httpd of busybox.
FILESEXTRAPATHS:prepend := "${THISDIR}/busybox:"
SRC_URI += "file://cubby-httpd.cfg"
