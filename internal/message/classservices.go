package message

// silentSenders begin local parts, without marks, that take no answers.
var silentSenders = []string{
	"noreply", "donotreply", "dontreply", "neverreply", "noresponse", "nepasrepondre", "neplusrepondre", "noresponder", "noresponda", "naoresponda", "naoresponder", "nonrispondere", "keineantwort", "nichtantworten", "bittenichtantworten", "antwortnicht", "nietbeantwoorden", "geenantwoord", "svarikke", "svaraej", "svarainte", "eivastaa", "alavastaa", "nieodpowiadaj", "neodpovidat", "neodpovidejte", "nevalaszolj", "nuraspunde", "neotvechayte", "neotvechat", "cevaplamayin", "yanitlamayin",
	"mailerdaemon", "autoreply", "autoresponder", "autorespond", "nagios", "icinga", "zabbix", "checkmk", "prtg", "alertmanager", "logwatch", "cronjob", "crondaemon", "fail2ban", "uptimerobot", "jenkins", "wordpress", "veeam", "idrac", "asterisk", "freepbx", "fortigate", "synology", "truenas", "esxi", "vcenter", "apcups", "dmarcreport", "dmarcnoreply", "tlsrpt", "autoconfirm", "shipconfirm", "shipmenttracking",
}

// programSenders are local parts that programs use, and now and then people.
var programSenders = []string{
	"root", "cron", "daemon", "alert", "alerts", "alarm", "monitor", "monitoring", "notification", "notify", "notifications", "notifier", "notice", "system", "server", "status", "report", "reporting", "reports", "logs", "log", "backup", "builds", "build", "ci", "gitlab", "github", "git", "svn", "jira", "confluence", "bugzilla", "redmine", "sentry", "grafana", "prometheus", "datadog", "pagerduty", "opsgenie", "statuspage", "ups", "nas", "synology", "qnap", "printer", "scanner", "scan", "copier", "mfp", "fax", "voicemail", "newsletter", "news", "mailing", "mailings", "marketing", "promo", "updates", "update", "billing-noreply", "automailer", "mailer", "auto", "automat", "automated", "service-alert", "wwwdata", "apache", "nobody", "smartd", "mdadm", "zed", "clamav", "puppet", "ansible", "watchdog", "bot", "robot", "mailrobot", "bounce", "bounces", "feedback",
}

// serviceFields are set by programs that watch, build or track, on their own
// mail and on nobody else's.
var serviceFields = newFieldNames(
	"X-GitHub-Reason", "X-GitHub-Sender", "X-JIRA-FingerPrint", "X-Jenkins-Job", "X-Jenkins-Result", "X-Cron-Env", "X-Bugzilla-Reason", "X-Bugzilla-Type", "X-Redmine-Host", "X-Sentry-Project", "X-Trac-Project", "X-Gerrit-MessageType", "X-Launchpad-Message-Rationale",
	"X-Atlassian-Mail-Message-Id", "X-Bitbucket", "X-Phabricator-Sent-This-Message", "X-MantisBT-Version", "X-PagerDuty-Incident", "X-Amz-Sns-Message-Type", "X-Nagios-Notification-Type", "X-Monit-Event", "X-PRTG", "X-Site24x7", "X-Pingdom", "X-StatusCake", "X-Discourse-Topic-Id",
	"X-LinkedIn-Template", "X-Facebook-Notify", "X-Twitter-Notify", "X-Mailer-Daemon", "X-Slack-Notification", "X-OTRS-Notification", "X-AMAZON-MAIL-RELAY-TYPE", "TLS-Report-Domain", "TLS-Report-Submitter",
)

// servicePrefixes begin the names, in lower case, of such fields.
var servicePrefixes = []string{
	"x-github-", "x-gitlab-", "x-jenkins-", "x-nagios", "x-icinga", "x-zabbix", "x-prtg", "x-check-mk", "x-checkmk", "x-alertmanager", "x-cron", "x-bugzilla-", "x-redmine-", "x-jira-", "x-sentry-", "x-trac-", "x-gerrit-", "x-launchpad-", "x-pagerduty", "x-datadog", "x-opsgenie", "x-grafana", "x-monit-", "x-smartd", "x-logwatch", "x-fail2ban", "x-phabricator-", "x-travis", "x-circleci", "x-buildbot", "x-uptimerobot", "x-newrelic", "x-nodeping", "x-centreon", "x-librenms", "x-observium", "x-solarwinds", "x-servicenow-generated",
}

// servicePrograms name themselves as the mail program.
var servicePrograms = newPhrases([]string{"nagios", "icinga", "zabbix", "prtg", "check_mk", "checkmk", "logwatch", "alertmanager", "grafana", "jenkins", "fail2ban", "smokeping", "monit ", "cacti", "munin", "redmine", "bugzilla", "gitlab", "logcheck", "tripwire", "rkhunter", "mantisbt", "opennms", "whatsup gold", "uptime kuma"})

// certainSubjects begin subjects, in folded form, that only programs write.
var certainSubjects = []string{
	"[firing:", "[alerting]", "** problem", "** recovery", "** acknowledgement", "** downtimestart", "** flapping", "*** problem", "problem service alert", "problem host alert", "recovery service alert", "[fail2ban]", "[triggered on {", "[recovered on {", "[monitor alert]", "alarm: \"", "ok: \"", "logwatch for ", "anacron job ", "build failed in jenkins", "jenkins build is", "[zabbix]", "[icinga]", "[nagios]", "[prtg", "[prtg network monitor", "monitor is down", "monitor is up", "[checkmk]", "check_mk:", "checkmk:", "[logcheck]", "smart error (", "degradedarray event", "fail event on /dev/md", "sparesmissing event", "[cacti]", "pingdom alert", "[uptime robot]", "[uptimerobot]", "amazon cloudwatch", "aws notification message", "aws notification - ", "[graylog]", "security alert for ", "[drone]", "[travis]", "[pagerduty]", "[opsgenie]", "[datadog]", "[site24x7", "report domain:", "[preview] report domain:", "output from your job", "apt-listchanges", "unattended-upgrades result", "unattended upgrade returned", "*** security information for",
}

// likelySubjects begin subjects that are a program's more often than not.
var likelySubjects = []string{
	"[resolved]", "[alert]", "alert:", "[warning]", "warning:", "[critical]", "critical:", "[error]", "problem ", "problem: ", "resolved: ", "recovery ", "recovery:", "problem on ", "[monitoring]", "[down]", "[up]", "down:", "up:", "host down", "host up", "service down", "backup failed", "backup success", "backup completed", "backup report", "backup job", "[success]", "[failed]", "[failure]", "cron ", "[cron]", "daily report", "weekly report", "monthly report", "status report", "disk space", "low disk", "build #", "pipeline ", "deployment ", "security run output", "daily run output", "notification:", "system notification", "scheduled report", "[notification]", "disk usage", "ups ", "scan to", "scan from ", "scanned document", "message from km_", "scanned image from", "acronis ", "veeam ", "[synology", "[pbx]", "job \"", "pipeline #", "failed pipeline", "fixed pipeline", "successful pipeline", "sophos ", "sonicwall", "[sonicwall", "fortigate", "watchguard", "fax from", "new voicemail", "voicemail from",
}

// newsSenders are local parts, without marks, that send one text to many.
var newsSenders = []string{"newsletter", "enews", "newsflash", "mailinglist", "mailings", "marketing", "promotion", "promotions", "offers", "infomail", "rundbrief", "boletin", "bulletin"}
