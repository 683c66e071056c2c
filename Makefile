# What the tests need besides Go: real mail clients and servers.
TOOLS = swaks postfix python3
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT = mvdan.cc/gofumpt@v0.12.0
FUZZTIME ?= 30s
BENCH ?= .

.PHONY: build test tools lint bench bench-large fuzz corpus compare-readers kill power calls standstill soak crowd rot model

build:
	go build -o mxdesk ./cmd/mxdesk

test: tools
	go vet ./...
	go test -race -shuffle=on -timeout 20m ./...
	MXDESK_LARGE=25 go test -run 'Hostile|Spooled|Crowd|LargeMails|AgentsFiles' ./internal/message ./cmd/mxdesk # memory is judged without the race detector

# Installs what is missing when it can, and says what is missing when it cannot.
tools:
	@./.ci/tools $(TOOLS)

lint:
	@out=$$(go run $(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "gofumpt:"; echo "$$out"; exit 1; fi
	go run $(STATICCHECK) ./...

# Figures of the main path: parse, route, accept, a whole SMTP round.
bench:
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

# What a store costs that holds years of mail. A million tickets take some 15 GB
# of disk and, as the machine is, three minutes to most of an hour.
TICKETS ?= 1000000
bench-large:
	MXDESK_GROWTH=$(TICKETS) go test -run TestGrowth -count 1 -timeout 6h -v ./internal/growth

# Every fuzz target of the project, one after another.
fuzz:
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {t[++n]=$$1} /^ok/ {for (i=1;i<=n;i++) print $$2, t[i]; n=0}' | \
	while read -r pkg target; do \
		echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$pkg" || exit 1; \
	done

# A thousand random places of a store's files damaged: found, and repaired.
rot:
	MXDESK_ROT_ROUNDS=1000 go test -run 'Rot' -count 1 -timeout 30m -v ./ticketstore

# 100,000 random operations on a store, each compared with a model in memory.
model:
	go test -run TestModel -count 1 -timeout 60m -v ./ticketstore -rapid.checks=1000 -rapid.steps=100

# Kills a server under load 2,000 times and looks for lost mail: an hour or two.
kill: tools
	MXDESK_KILL_ROUNDS=2000 go test -run 'TestKillLoop$$' -count 1 -timeout 4h -v ./cmd/mxdesk

# Cuts the power of a disk with a volatile cache 300 times; as root, with FUSE.
power: tools
	MXDESK_POWER_CUTS=300 go test -run 'TestPowerCut' -count 1 -timeout 4h -v ./cmd/mxdesk

# Kills the server at every system call, and lets every one that writes fail or
# write too little.
calls:
	MXDESK_EVERY_CALL=1 go test -run 'EverySystemCall' -count 1 -timeout 2h -v ./cmd/mxdesk

# A server that stands still for a minute under load.
standstill:
	MXDESK_STANDSTILL=60 go test -run 'TestStandstill' -count 1 -timeout 30m -v ./cmd/mxdesk

# 100,000 mails of a mixed load: all accounted for, memory flat, files small.
soak:
	MXDESK_SOAK=100000 go test -run 'TestSoak' -count 1 -timeout 2h -v ./cmd/mxdesk

# Ten thousand slow clients parked in every phase, and honest ones beside them.
crowd:
	MXDESK_CROWD=10000 go test -run TestCrowd -count 1 -timeout 30m -v ./cmd/mxdesk

# The scores over the developer corpus (MXDESK_CORPUS names its folder), into docs/reading.md.
corpus:
	go test -count 1 -run '^TestCorpus' -v ./internal/message -reading $(CURDIR)/docs/reading.md | grep -E 'pass|^(ok|FAIL|---)'

# The same mails read by enmime; a module of its own, so that mxdesk does not depend on it.
compare-readers:
	cd internal/message/testdata/compare && go test -run '^$$' -bench . -benchmem .
