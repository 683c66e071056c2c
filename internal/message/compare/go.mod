module mxdesk/internal/message/compare

go 1.26.0

require (
	github.com/jhillyerd/enmime v1.3.0
	mxdesk v0.0.0
)

replace mxdesk => ../../..
