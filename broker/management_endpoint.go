package broker

import "net/http"

const (
	get  = http.MethodGet
	put  = http.MethodPut
	post = http.MethodPost
	del  = http.MethodDelete
)

// endpoints are the paths and methods of the management API.
var endpoints = map[string]map[string]handler{
	"/api/overview":                    {get: (*request).overview},
	"/api/whoami":                      {get: (*request).whoami},
	"/api/nodes":                       {get: (*request).nodes},
	"/api/nodes/{name}":                {get: (*request).getNode},
	"/api/aliveness-test/{vhost}":      {get: (*request).aliveness},
	"/api/health/checks/alarms":        {get: (*request).alarms},
	"/api/health/checks/local-alarms":  {get: (*request).alarms},
	"/api/health/checks/virtual-hosts": {get: (*request).healthy},

	"/api/feature-flags":             {get: (*request).featureFlags},
	"/api/policies":                  {get: (*request).policies},
	"/api/policies/{vhost}":          {get: (*request).policies},
	"/api/operator-policies":         {get: (*request).policies},
	"/api/operator-policies/{vhost}": {get: (*request).policies},

	"/api/vhosts":                     {get: (*request).vhosts},
	"/api/vhosts/{vhost}":             {get: (*request).getVHost, put: (*request).putVHost, del: (*request).deleteVHost},
	"/api/vhosts/{vhost}/permissions": {get: (*request).permissions},
	"/api/vhosts/{vhost}/connections": {get: (*request).connections},
	"/api/vhosts/{vhost}/channels":    {get: (*request).channels},
	"/api/users":                      {get: (*request).users},
	"/api/users/{user}":               {get: (*request).getUser, put: (*request).putUser, del: (*request).deleteUser},
	"/api/users/{user}/permissions":   {get: (*request).permissions},
	"/api/permissions":                {get: (*request).permissions},
	"/api/permissions/{vhost}/{user}": {get: (*request).getPermission, put: (*request).putPermission, del: (*request).deletePermission},

	"/api/connections":                 {get: (*request).connections},
	"/api/connections/{name}":          {get: (*request).getConnection, del: (*request).deleteConnection},
	"/api/connections/{name}/channels": {get: (*request).channels},
	"/api/channels":                    {get: (*request).channels},
	"/api/channels/{name}":             {get: (*request).getChannel},
	"/api/consumers":                   {get: (*request).consumers},
	"/api/consumers/{vhost}":           {get: (*request).consumers},

	"/api/queues":                         {get: (*request).queues},
	"/api/queues/{vhost}":                 {get: (*request).queues},
	"/api/queues/{vhost}/{name}":          {get: (*request).getQueue, put: (*request).putQueue, del: (*request).deleteQueue},
	"/api/queues/{vhost}/{name}/bindings": {get: (*request).bindings},
	"/api/queues/{vhost}/{name}/contents": {del: (*request).purgeQueue},
	"/api/queues/{vhost}/{name}/get":      {post: (*request).getMessages},

	"/api/exchanges":                                   {get: (*request).exchanges},
	"/api/exchanges/{vhost}":                           {get: (*request).exchanges},
	"/api/exchanges/{vhost}/{name}":                    {get: (*request).getExchange, put: (*request).putExchange, del: (*request).deleteExchange},
	"/api/exchanges/{vhost}/{name}/publish":            {post: (*request).publish},
	"/api/exchanges/{vhost}/{source}/bindings/source":  {get: (*request).bindings},
	"/api/exchanges/{vhost}/{to}/bindings/destination": {get: (*request).bindings},

	"/api/bindings":                                   {get: (*request).bindings},
	"/api/bindings/{vhost}":                           {get: (*request).bindings},
	"/api/bindings/{vhost}/e/{source}/q/{name}":       {get: (*request).bindings, post: (*request).bindQueue},
	"/api/bindings/{vhost}/e/{source}/e/{to}":         {get: (*request).bindings, post: (*request).bindExchange},
	"/api/bindings/{vhost}/e/{source}/q/{name}/{key}": {get: (*request).getBinding, del: (*request).deleteBinding},
	"/api/bindings/{vhost}/e/{source}/e/{to}/{key}":   {get: (*request).getBinding, del: (*request).deleteBinding},
}
